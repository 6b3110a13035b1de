#!/usr/bin/env python3
import os
secret = "s3cret"
raise RuntimeError("before the headers: " + secret)
