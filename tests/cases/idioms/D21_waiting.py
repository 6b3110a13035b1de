#!/usr/bin/env python3
import threading

threading.Event().wait(3600)
