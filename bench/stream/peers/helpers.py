"""Moves an index as the documentation of elasticsearch-py's helpers shows it.

Usage: helpers.py parallel_bulk|reindex SOURCE TARGET INDEX PAGE
"""

import sys

from elasticsearch import Elasticsearch, helpers

by, source, target, index, page = sys.argv[1:]
page = int(page)
source = Elasticsearch(source, timeout=600)
target = Elasticsearch(target, timeout=600, maxsize=8)


def actions():
    for hit in helpers.scan(source, index=index, size=page, scroll="10m"):
        yield {"_index": index, "_id": hit["_id"], "_source": hit["_source"]}


if by == "reindex":
    # Chunks are sent one after the other, while nothing is read.
    helpers.reindex(source, index, index, target_client=target, chunk_size=page, scroll="10m", scan_kwargs={"size": page})
else:
    # The bytes of a chunk are bounded by the library's own default.
    for ok, item in helpers.parallel_bulk(target, actions(), thread_count=4, chunk_size=page):
        if not ok:
            sys.exit(f"refused: {item}")
