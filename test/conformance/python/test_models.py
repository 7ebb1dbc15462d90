"""Models: list, retrieve, delete."""

import unittest

from openai import NotFoundError

from system import MODEL, MODEL_WITH_OWNER, connect, trained_job


class ModelsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = connect()

    def listed(self) -> list[str]:
        return [model.id for model in self.client.models.list()]

    def test_to_start_from_are_there(self) -> None:
        self.assertLessEqual({MODEL, MODEL_WITH_OWNER}, set(self.listed()))
        model = self.client.models.retrieve(MODEL_WITH_OWNER)
        self.assertEqual((model.id, model.object), (MODEL_WITH_OWNER, "model"))
        self.assertTrue(model.owned_by)

    def test_that_were_tuned_are_there_until_they_are_deleted(self) -> None:
        _, name = trained_job(self.client, model=MODEL_WITH_OWNER, suffix="python")
        self.assertIn(name, self.listed())
        self.assertEqual(self.client.models.retrieve(name).id, name)
        deleted = self.client.models.delete(name)
        self.assertEqual((deleted.id, deleted.deleted), (name, True))
        self.assertNotIn(name, self.listed())
        with self.assertRaises(NotFoundError):
            self.client.models.retrieve(name)


if __name__ == "__main__":
    unittest.main()
