"""What real Felix releases wrote and counted, for every test to read: see README.md beside this file."""

from tests.recordings.recording import NATIVE, RECORDINGS, Moment, Recording, Truth
from tests.recordings.sequence import SEQUENCES, DumpSequence

__all__ = ["NATIVE", "RECORDINGS", "SEQUENCES", "DumpSequence", "Moment", "Recording", "Truth"]
