#!/usr/bin/env python3
"""Read a form with cgi.FieldStorage, from the query or from the body."""

import cgi
import os
from html import escape

from lib import page

DRINKS = ("coffee", "tea", "water")
SEASONS = ("spring", "summer", "fall", "winter")

form = cgi.FieldStorage()
name = form.getfirst("name", "")
season = form.getfirst("season", "")
drinks = form.getlist("drink")
message = form.getfirst("message", "")

page.begin("Form", "The script reads the fields with <code>cgi.FieldStorage</code>.")

if form.list:
    print('<p class="good" role="status">The script received:</p>')
    print('<table class="stack"><thead><tr>')
    print('<th scope="col">Field</th><th scope="col">Value</th></tr></thead><tbody>')
    for item in form.list:
        print(f'<tr><th scope="row">{escape(item.name)}</th>')
        print(f"<td>{escape(str(item.value))}</td></tr>")
    print("</tbody></table>")
    print("<h2>Once more</h2>")

print(f'<form method="post" action="{escape(os.environ["SCRIPT_NAME"])}">')
print('<div><label for="name">Name</label>')
print(f'<input type="text" id="name" name="name" value="{escape(name)}"></div>')
print('<div><label for="season">Season</label><select id="season" name="season">')
for choice in SEASONS:
    selected = " selected" if choice == season else ""
    print(f"<option{selected}>{choice}</option>")
print("</select></div>")
print("<fieldset><legend>Drinks</legend>")
for choice in DRINKS:
    checked = " checked" if choice in drinks else ""
    print(f'<label><input type="checkbox" name="drink" value="{choice}"{checked}>')
    print(f"{choice}</label>")
print("</fieldset>")
print('<div><label for="message">Message</label>')
print(f'<textarea id="message" name="message">\n{escape(message)}</textarea></div>')
print("<button>Send</button>")
print("</form>")
page.end()
