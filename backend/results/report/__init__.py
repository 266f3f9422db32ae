"""Tells of many results at once: as one HTML page for people, and as tables for those who count.

`reported` says what is told of a prompt and its results, `from_queue` and `from_folder` collect it, and
`how_made` reads the provenance. `page` writes the page from `page.html`, `page.css` and `page.js`; `pictures`
makes the small pictures in it, and `plots` draws the summary. `result_table` writes CSV and Parquet.
"""
