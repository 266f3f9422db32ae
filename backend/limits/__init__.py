"""The resolution lab: what sizes cost, which one is the largest that fits, and what a box says to that.

    sizes        the sizes and context lengths that are looked at
    estimating   what each costs by our count, and the largest size at each aspect ratio
    memory       what a context length costs on the GPU
    clips        a real test video of each size
    reply        what a box says to one question
    asking       questions to the model of a box, over one link at a time
    notes        what was answered so far, so that an interrupted measurement goes on
    measurement  what a box said
    measuring    asking for it: every size, and the largest one, by bisection (`bisecting`)
    calibration  what was measured last, for the commands and the app
    report       all of it in one value, and as JSON
    tables, files, picture, page   the report as Markdown, as files, as a picture, as docs/resolutions.md

Nothing here prints.
"""
