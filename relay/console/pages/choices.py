"""Language and theme: kept with the account, and in a cookie for the pages before the sign-in."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from relay.console.security import LANGUAGE_COOKIE, THEME_COOKIE, safe_path
from relay.console.visit import THEMES, Visit
from relay.console.words import Language

_YEAR_SECONDS = 365 * 86400


async def choose(visit: Visit) -> Response:
    """Take `language` and `theme`, and go back to the page `back`. A link does it: it harms no person."""
    asked = visit.request.query_params
    language, theme = asked.get("language", ""), asked.get("theme", "")
    language = language if language in set(Language) else ""
    theme = theme if theme in THEMES else ""
    response = RedirectResponse(safe_path(asked.get("back", "/")), 303)
    for cookie, value in ((LANGUAGE_COOKIE, language), (THEME_COOKIE, theme)):
        if value:
            response.set_cookie(
                cookie, value, max_age=_YEAR_SECONDS, path="/", secure=True, httponly=True, samesite="strict"
            )
    if (account := visit.account) is not None:
        wanted = (language or account.language, theme or account.theme)
        await visit.parts.work.run(lambda: visit.parts.accounts.set_choices(account.name, *wanted))
    return response
