"""A terminal that is right but for one thing, and goes through the whole lesson."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import grpc

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import requests_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import terminal_pb2 as pb
from ctprelay.v1 import terminal_pb2_grpc
from terminal_client.checking.rules import Given
from terminal_client.proof import auth_info


class Broken(Exception):
    """The stream ended."""


class WrongTerminal:
    """`way` names what is wrong with it."""

    def __init__(self, port: int, ca_file: Path, given: Given, way: str) -> None:
        self._address, self._given, self._way = f"127.0.0.1:{port}", given, way
        self._roots = ca_file.read_bytes()
        self._channel: Any = None
        self._call: Any = None
        self._tokens: list[bytes] = []
        self._sequence = 0
        self._system_info = os.urandom(265)

    async def whole_day(self) -> None:
        """From the refused login to the logout."""
        try:
            await self._until_order()
            for _ in range(3):  # two breaks, and the silence
                await self._until_broken()
                await self._come_back()
                if self._way == "repeats_order":
                    await self._order(3)
            kind = (await self._next("goodbye")).goodbye.kind
            assert kind == pb.Goodbye.KIND_RELAY_STOPPING
            if self._way == "resumes_the_dead":
                assert (await self._resume()).HasField("rejected")
            await self._log_in()
            await self._send(pb.TerminalMessage(logout=pb.Logout()))
            await self._next("goodbye")
            if self._way == "comes_back":
                await self._challenge()
        finally:
            await self._hang_up()

    async def _until_order(self) -> None:
        refusal = (await self._log_in()).rejected
        await asyncio.sleep(0 if self._way == "hasty" else refusal.retry_after_seconds)
        if self._way == "impatient":
            await self._send_login()
            await asyncio.sleep(0.1)
        await self._log_in()
        if self._way == "empty_request":
            await self._send(pb.TerminalMessage(call=pb.Call(request_id=9, request=requests_pb2.Request())))
        query = ctp.QryTradingAccount(broker_id="8888" if self._way == "own_broker" else "")
        await self._request(1, requests_pb2.Request(qry_trading_account=query))
        await self._order(-1 if self._way == "same_request_id" else 2)

    async def _order(self, number: int) -> None:
        order = ctp.InputOrder(
            instrument_id="rb2701",
            comb_offset_flag="" if self._way == "no_flags" else "0",
            comb_hedge_flag="1",
            volume_total_original=1,
            order_price_type=enums.ORDER_PRICE_TYPE_LIMIT_PRICE,
        )
        if self._way != "no_price":
            order.limit_price = 3400.0
        await self._request(number, requests_pb2.Request(order_insert=order))

    async def _come_back(self) -> None:
        while True:
            try:
                welcome = await (self._log_in() if self._way == "logs_in_again" else self._resume())
            except Broken:
                await asyncio.sleep(0.05)
                continue
            assert welcome.HasField("logged_in")
            return

    async def _request(self, number: int, request: requests_pb2.Request) -> None:
        await self._send(pb.TerminalMessage(call=pb.Call(request_id=number, request=request)))

    async def _log_in(self) -> pb.RelayMessage:
        await self._send_login()
        return await self._welcomed()

    async def _send_login(self) -> None:
        challenge = await self._challenge()
        if self._way != "same_system_info":
            self._system_info = os.urandom(265)
        content, length = self._system_info, 265
        if self._way == "cut_at_nul":
            content = content[:40]
        elif self._way == "whole_buffer":
            content, length = content.ljust(344, b"\0"), 344
        elif self._way == "other_length":
            length = 264
        login = pb.Login(
            auth_info=self._proof(challenge),
            broker_id=self._given.broker_id,
            investor_id="100009" if self._way == "other_investor" else self._given.investor_id,
            password=self._given.password.reveal(),
            system_info=content,
            system_info_length=length,
            collector_version="" if self._way == "no_version" else "test_1.0",
        )
        self._sequence = 0
        await self._send(pb.TerminalMessage(login=login))

    def _proof(self, challenge: bytes) -> bytes:
        return auth_info("0" * 16 if self._way == "hex_key" else self._given.auth_code.reveal(), challenge)

    async def _resume(self) -> pb.RelayMessage:
        challenge = await self._challenge()
        token = self._tokens[0] if self._way == "older_token" else self._tokens[-1]
        after = 0 if self._way == "from_the_start" else self._sequence
        resume = pb.Resume(resume_token=token, after_sequence=after, auth_info=self._proof(challenge))
        await self._send(pb.TerminalMessage(resume=resume))
        return await self._welcomed()

    async def _welcomed(self) -> pb.RelayMessage:
        welcome = await self._next("logged_in", "rejected")
        if welcome.HasField("logged_in"):
            self._tokens.append(welcome.logged_in.resume_token)
        return welcome

    async def _challenge(self) -> bytes:
        await self._hang_up()
        credentials = grpc.ssl_channel_credentials(self._roots)
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.aio.secure_channel(self._address, credentials, options)
        stub: Any = terminal_pb2_grpc.TerminalServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated
        self._call = stub.Session()
        protocol = 2 if self._way == "protocol" else 1
        await self._send(pb.TerminalMessage(hello=pb.Hello(protocol=protocol, app_id=self._given.app_id)))
        return (await self._next("challenge")).challenge.timestamp

    async def _hang_up(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def _until_broken(self) -> None:
        """Take what comes; a connection that is silent is noticed by nothing here, until it is cut."""
        try:
            while True:
                await self._next()
        except Broken:
            return

    async def _send(self, message: pb.TerminalMessage) -> None:
        try:
            await self._call.write(message)
        except (grpc.RpcError, asyncio.InvalidStateError):
            raise Broken from None

    async def _next(self, *wanted: str) -> pb.RelayMessage:
        while True:
            try:
                batch = await self._call.read()
            except grpc.RpcError:
                raise Broken from None
            if batch is grpc.aio.EOF:
                raise Broken
            message: pb.RelayMessage = batch.messages[0]
            self._sequence = message.sequence or self._sequence
            if not wanted or message.WhichOneof("body") in wanted:
                return message
