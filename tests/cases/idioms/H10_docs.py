from xmlrpc.server import DocCGIXMLRPCRequestHandler

handler = DocCGIXMLRPCRequestHandler()
handler.set_server_title("A server")
handler.register_function(pow)
handler.handle_request()
