"""The order that a policy gives to the candidates of a page that was answered, without what is drawn by lot."""

from infra.arrays import Float32s
from serving.definition import ReleasePolicy
from serving.items import ItemBlock
from serving.page import rerank, slate
from serving.page.page import Page
from serving.page.rerank import Order, Vectors


def ordered(
    page: Page, policy: ReleasePolicy, block: ItemBlock, scores: Float32s, vectors: Vectors | None, limit: int
) -> Order:
    """The first places of the candidates by their scores; of a caller's own candidates no step changes the order."""
    if page.candidates is None:
        return rerank.by_score(scores)[:limit]
    lot = page.candidates.lot
    return slate.arranged(policy, block, scores, vectors, limit=limit, now=page.at, seed=None, lot=lot).places
