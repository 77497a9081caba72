"""A model as one line of JSON, whatever text it holds."""

from __future__ import annotations

import json

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError


def to_json(model: BaseModel) -> str:
    """`model` as JSON without line breaks; what no UTF-8 can carry (lone surrogates, which a
    decoder elsewhere may let through) becomes "?".
    """
    try:
        return model.model_dump_json()
    except PydanticSerializationError:
        text = json.dumps(model.model_dump(), default=str, ensure_ascii=False)
        return text.encode("utf-8", "replace").decode()
