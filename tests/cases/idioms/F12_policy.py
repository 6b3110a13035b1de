import asyncio

print("Content-Type: text/plain\n")


class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        print("a loop by our policy")
        return super().new_event_loop()


async def main():
    print("main")


asyncio.set_event_loop_policy(Policy())
asyncio.run(main())
print(type(asyncio.get_event_loop_policy()).__name__)
