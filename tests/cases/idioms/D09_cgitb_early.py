#!/usr/bin/env python3
import cgitb
cgitb.enable()
{}["no key"]
