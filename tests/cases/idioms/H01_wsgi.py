from wsgiref.handlers import CGIHandler

from H01_app import app

CGIHandler().run(app)
