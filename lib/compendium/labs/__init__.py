"""Lab exercises: one source a lab, what students and instructors get of it, the checks, and the grader.

`source` reads a lab, `editions` makes what is handed out, `checking` is what the checks are written with.
"""
