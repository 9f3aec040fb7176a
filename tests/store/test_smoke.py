from bot.core.portfolio import Portfolio
from bot.durable import Memo
from tests.store.values import BOOK, CASH, done, filled, order
from tests.strategies import NOON


async def test_what_was_committed_is_there_when_it_is_opened_again(database):
    term = await database.take("one", 10, BOOK)
    await database.open_book(term, BOOK, CASH, NOON)
    store, ended = database.store(term, BOOK), filled(order())

    await store.intend(order())
    await store.commit(done(ended, memos=[Memo("kind", "key", b"body")], published=b"{}"))
    kept = await database.kept(BOOK)

    assert kept.portfolio == Portfolio.of_cash(CASH).after(ended.execution.fills[0])
    assert kept.events == (ended,)
    assert kept.memos == {"kind": {"key": b"body"}}
    assert (kept.commit, kept.published, kept.unresolved) == (1, b"{}", ())
