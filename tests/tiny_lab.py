"""A lab of four tasks that needs no TensorFlow, and its answers."""

LAB = '''\
---
number: 1
title: Tiny
chapter: ""
minutes: 20
objectives: [one]
prerequisites: [none]
---
Hello.

```{code-cell}
import numpy as np
```

```{code-cell}
:role: check
import numpy as np

IMAGE = np.full((4, 5), 0.5)
```

+++ {"task": {"kind": "code", "title": "Double", "minutes": 5, "points": 3}}
Double an array, and leave it as it was.

```{code-cell}
:role: solution
def double(image):
    """Return twice the image."""
    return 2 * image
```

```{code-cell}
:role: check
def double(double):
    with part("values", points=1.5):
        given = array(double(IMAGE), IMAGE.shape)
        expect(np.array_equal(given, np.ones((4, 5))), "That is not twice the image.")
    with part("other sizes", points=1.5):
        expect(np.array_equal(double(0.1 * np.eye(3)), 0.2 * np.eye(3)), "That is not twice the image.")
```

+++ {"task": {"kind": "predict", "title": "Predict", "minutes": 5, "points": 2}}
Which?

```{code-cell}
:role: solution
observed = "b"
```

```{code-cell}
:role: check
def prediction(observed):
    expect(observed == "b", "Look again.")
```

+++ {"task": {"kind": "code", "title": "Mean", "minutes": 5, "points": 1}}
The mean of an image, by a function that makes functions.

```{code-cell}
:role: solution
def measure(name):
    """Return a function of an image."""
    return np.mean
```

```{code-cell}
:role: check
def mean(measure):
    expect(number(measure("mean")(IMAGE)) == 0.5, "That is not the mean.")
```

+++ {"task": {"kind": "explain", "title": "Why", "minutes": 5, "points": 4, "answer": "why", "words": 3}}
Why?

+++ {"role": "solution"}
Because it is so.

+++ {"role": "rubric"}
2 points for <b>this</b>, 2 for that.
'''
IMPORT = "import check_tiny as check\nimport numpy as np\nimport os, sys, time"
DOUBLE = "def double(image):\n    return 2 * image"
REST = "observed = 'b'\nmeasure = lambda name: np.mean"
WHY = "why = 'since it is <script>alert(1)</script> so'"
GOOD = [IMPORT, DOUBLE, REST, WHY]
WRONG = [IMPORT, "def double(image):\n    return image", "observed = 'a'\nmeasure = lambda name: np.sum"]
OF = 10  # 3, 2, 1 and, by hand, 4
FULL = 6
