"""Runs once in a worker; its pages find it as __globals__."""

from itertools import count

guests = {}  # of the chat: their WebSockets, and what they are called
numbers = count(1)
