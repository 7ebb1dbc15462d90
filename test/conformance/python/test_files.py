"""Files: create, list, retrieve, content, wait_for_processing, delete."""

import tempfile
import time
import unittest
from pathlib import Path

from openai import BadRequestError, NotFoundError

from system import GOOD_ROWS, connect, conversation, upload_rows


class FilesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = connect()

    def test_come_back_as_they_were(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.jsonl"
            path.write_bytes(GOOD_ROWS)
            file = self.client.files.create(file=path, purpose="fine-tune")
        self.assertRegex(file.id, r"^file-")
        self.assertEqual((file.object, file.bytes, file.filename), ("file", len(GOOD_ROWS), "train.jsonl"))
        self.assertEqual(file.purpose, "fine-tune")
        self.assertLess(abs(file.created_at - time.time()), 60)
        processed = self.client.files.wait_for_processing(file.id, poll_interval=0.1)
        self.assertEqual(processed.status, "processed")
        self.assertEqual(self.client.files.content(file.id).read(), GOOD_ROWS)

    def test_with_bad_rows_end_as_errors_that_name_the_lines(self) -> None:
        file = upload_rows(self.client, (conversation("a", "b") + "no JSON\n").encode())
        self.assertEqual(file.status, "error")
        self.assertRegex(file.status_details or "", r"\b2\b")

    def test_expire_when_asked_to(self) -> None:
        file = self.client.files.create(
            file=("train.jsonl", GOOD_ROWS),
            purpose="fine-tune",
            expires_after={"anchor": "created_at", "seconds": 3600},
        )
        self.assertEqual(file.expires_at, file.created_at + 3600)

    def test_are_listed_over_pages_in_both_orders(self) -> None:
        ids = [upload_rows(self.client).id for _ in range(3)]
        newest_first = [file.id for file in self.client.files.list(limit=2)]
        self.assertEqual(newest_first[:3], ids[::-1])
        self.assertEqual(len(set(newest_first)), len(newest_first))
        oldest_first = [file.id for file in self.client.files.list(limit=2, order="asc", purpose="fine-tune")]
        self.assertEqual(oldest_first[-3:], ids)

    def test_are_gone_once_they_are_deleted(self) -> None:
        file = upload_rows(self.client)
        deleted = self.client.files.delete(file.id)
        self.assertEqual((deleted.id, deleted.object, deleted.deleted), (file.id, "file", True))
        with self.assertRaises(NotFoundError):
            self.client.files.retrieve(file.id)

    def test_are_refused_with_the_name_of_the_field(self) -> None:
        with self.assertRaises(BadRequestError) as refused:
            self.client.files.create(file=("train.jsonl", GOOD_ROWS), purpose="batch")
        self.assertEqual(refused.exception.param, "purpose")


if __name__ == "__main__":
    unittest.main()
