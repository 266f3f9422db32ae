"""The resolution lab: what each size costs in tokens, which sizes fit, and what a real box says to that.

    sampled_sizes     the sizes, frame counts and context lengths of a report
    estimates         the tokens of each size by our count, and the largest size at each aspect ratio
    sample_videos     draws a test video of each size
    reply             the answer of a box to one question
    conversation      asks questions of the model on a box, over a link
    saved_replies     saves the replies, so that an interrupted measurement can go on
    measurement       the results of a measurement
    measurement_run   measures: asks about every size, and finds the largest one by `bisection`
    calibration       saves the last measurement for the commands and the app
    report            the whole report, with the GPU memory of context lengths, as one value and as JSON
    markdown_tables, report_files, plot, resolutions_page
                      the report as Markdown, as files, as a picture, as docs/resolutions.md

Nothing here prints.
"""
