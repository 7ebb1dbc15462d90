"""Uploads: create, parts, complete, cancel, and the client's own way through all of them."""

import hashlib
import unittest

from openai import BadRequestError, ConflictError
from openai.types import Upload

from system import GOOD_ROWS, connect

MIDDLE = len(GOOD_ROWS) // 2


class UploadsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = connect()

    def begin(self) -> Upload:
        return self.client.uploads.create(
            bytes=len(GOOD_ROWS), filename="train.jsonl", mime_type="application/jsonl", purpose="fine-tune"
        )

    def test_are_made_of_parts_in_the_order_that_their_end_names(self) -> None:
        upload = self.begin()
        self.assertRegex(upload.id, r"^upload_")
        self.assertEqual((upload.object, upload.status, upload.bytes), ("upload", "pending", len(GOOD_ROWS)))
        second = self.client.uploads.parts.create(upload.id, data=GOOD_ROWS[MIDDLE:])
        first = self.client.uploads.parts.create(upload.id, data=GOOD_ROWS[:MIDDLE])
        self.assertRegex(first.id, r"^part_")
        self.assertEqual((first.object, first.upload_id), ("upload.part", upload.id))
        digest = hashlib.md5(GOOD_ROWS).hexdigest()
        completed = self.client.uploads.complete(upload.id, part_ids=[first.id, second.id], md5=digest)
        self.assertEqual(completed.status, "completed")
        assert completed.file is not None
        file = self.client.files.wait_for_processing(completed.file.id, poll_interval=0.1)
        self.assertEqual((file.status, file.bytes), ("processed", len(GOOD_ROWS)))
        self.assertEqual(self.client.files.content(file.id).read(), GOOD_ROWS)

    def test_are_made_in_one_call_of_the_client(self) -> None:
        completed = self.client.uploads.upload_file_chunked(
            file=GOOD_ROWS,
            filename="train.jsonl",
            bytes=len(GOOD_ROWS),
            mime_type="application/jsonl",
            purpose="fine-tune",
            part_size=1000,
        )
        assert completed.file is not None
        self.assertEqual(self.client.files.content(completed.file.id).read(), GOOD_ROWS)

    def test_with_another_checksum_are_no_files(self) -> None:
        upload = self.begin()
        part = self.client.uploads.parts.create(upload.id, data=GOOD_ROWS)
        with self.assertRaises(BadRequestError):
            self.client.uploads.complete(upload.id, part_ids=[part.id], md5="0" * 32)

    def test_take_nothing_more_once_they_are_cancelled(self) -> None:
        upload = self.begin()
        self.assertEqual(self.client.uploads.cancel(upload.id).status, "cancelled")
        with self.assertRaises(ConflictError):
            self.client.uploads.parts.create(upload.id, data=GOOD_ROWS)


if __name__ == "__main__":
    unittest.main()
