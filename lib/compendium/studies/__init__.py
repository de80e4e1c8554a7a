"""What the chapters' experiments consist of beside what their notebooks show: one module a chapter."""
