import E14_plug.one

included = "included " + E14_plug.one.run()
included_name = __name__
