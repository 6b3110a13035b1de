from xmlrpc.server import CGIXMLRPCRequestHandler


class Service:
    def echo(self, value):
        return value

    def _hidden(self):
        return "hidden"


handler = CGIXMLRPCRequestHandler()
handler.register_function(pow)
handler.register_function(lambda x, y: x / y, "divide")
handler.register_introspection_functions()
handler.register_multicall_functions()
handler.register_instance(Service())
handler.handle_request()
