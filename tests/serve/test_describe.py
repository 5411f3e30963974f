"""The API in words."""

from __future__ import annotations

from emotone.serve.describe import describe, form_of
from emotone.serve.options import DELIVERY, MOMENTS, PREDICTION


def test_a_form_has_all_its_fields() -> None:
    schema = form_of(PREDICTION | DELIVERY)["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema["properties"].keys() == {"file", "speakers", *PREDICTION, *DELIVERY} and schema["required"] == [
        "file"
    ]
    moments = form_of(MOMENTS)["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert "speakers" not in moments and "attribute" in moments


def test_text_is_escaped() -> None:
    route = {"description": "<b>", "parameters": [{"name": "<i>", "in": "query"}]}
    page = describe({"info": {"title": "<t>", "version": "1", "description": "&"}, "paths": {"/<p>": {"get": route}}})
    assert "<b>" not in page and "<i>" not in page and "&lt;p&gt;" in page and "<script" not in page
