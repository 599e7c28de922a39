"""The source's promises on a real Kafka."""

import pytest

from tests.support.source_contract import SourceContract

pytestmark = pytest.mark.system


class TestSourceOnARealKafka(SourceContract):
    pass
