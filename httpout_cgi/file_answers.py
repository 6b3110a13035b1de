"""Answers with what a path has led to if that is no script: files, folders, redirects.

Must not know runs.
"""

import asyncio
import time
from http import HTTPStatus

from httpout_cgi.answers import (
    add_fields,
    add_said,
    answer_with_listing,
    make_redirected_request,
    redirect_to_directory,
    send_file,
)
from httpout_cgi.errors import HTTPError
from httpout_cgi.exchange import Exchange
from httpout_cgi.files.resolution import (
    DirectoryRedirect,
    Folder,
    Resolution,
    StaticFile,
)
from httpout_cgi.files.static import StaticFiles
from httpout_cgi.messages import Response
from httpout_cgi.protocol.cgi_response import Document


class FileAnswers:
    """Makes them for all sites.  Only the loop thread touches it."""

    def __init__(self) -> None:
        self._files = StaticFiles()
        # A large folder takes a thread some time: no more than one of them does.
        self._listing = asyncio.Lock()

    def show(
        self, exchange: Exchange, found: Resolution | HTTPError
    ) -> Response | Folder:
        """Answer with what is no script; a folder is one that has to be listed.

        Raises the HTTPError again if that was found.
        """
        if isinstance(found, HTTPError):
            # A copy: one that knew these frames would keep itself alive.
            raise HTTPError(found.status, found.reason, fields=found.fields)
        if isinstance(found, StaticFile):
            return self._send(exchange, found)
        if isinstance(found, Folder):
            return found
        assert isinstance(found, DirectoryRedirect)  # what runs is not asked about
        return redirect_to_directory(found, exchange.target.query)

    def _send(self, exchange: Exchange, file: StaticFile) -> Response:
        response = self._files.respond(file, exchange.request, now=time.time())
        rules = exchange.site.cache_rules
        if not rules:
            return response
        name = file.path.rpartition("/")[2]
        found = rules.find(exchange.target.path, name)
        # What is missing now may be there in a minute.
        return response if exchange.is_failed else add_fields(response, found)

    async def list_folder(self, exchange: Exchange, folder: Folder) -> Response:
        """Answer with what is in a folder; a thread looks."""
        resolver = exchange.resolver
        assert resolver is not None  # it has found the folder
        async with self._listing:
            return await asyncio.to_thread(
                answer_with_listing, folder, resolver, exchange.request
            )

    async def pass_on(self, exchange: Exchange, document: Document) -> Response:
        """Answer with what middleware has let the client have."""
        assert exchange.found is not None  # middleware was asked about it
        request = exchange.request
        if document.status != HTTPStatus.OK and request.method in ("GET", "HEAD"):
            # The conditions are about what there would be without that status.
            exchange.request = make_redirected_request(
                request, request.target, whole=True
            )
        response = self.show(exchange, exchange.found)
        if isinstance(response, Folder):
            response = await self.list_folder(exchange, response)
        return add_said(response, document)

    def send_instead(
        self, exchange: Exchange, document: Document, path: str
    ) -> Response:
        """Answer with the file that a script wants sent in its place (X-Sendfile)."""
        assert exchange.resolver is not None  # it has found the script
        file = exchange.resolver.resolve_sendfile(path)
        now = time.time()
        return send_file(self._files, file, exchange.request, document, now=now)
