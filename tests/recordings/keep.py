"""`python -m tests.recordings.keep` keeps the pages and transcripts of now, and prints how the pages differ.

Read that, and what Git says of the transcripts, before you commit.
"""

from __future__ import annotations

import sys

from tests.recordings.kept_pages import difference, keep_pages
from tests.recordings.recording import RECORDINGS
from tests.recordings.transcripts import keep_transcripts

if __name__ == "__main__":
    sys.stdout.write("\n".join(filter(None, map(difference, RECORDINGS))) + "\n")
    keep_pages()
    keep_transcripts()
