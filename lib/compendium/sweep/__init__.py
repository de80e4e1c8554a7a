"""Many runs of one chapter: a grid of parameters, each point a run in a process of its own, on Dask.

    grid       which points there are
    folder     what is done: a folder for each point says so, and nothing else
    point      one point's process
    cluster    the points on Dask's workers
    table      the results of all points
    charts     a dot per run, means, intervals, what they stand beside
    report     the page of all this

Each imports only from those above it.
"""
