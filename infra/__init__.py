"""How the stack is packaged and deployed: one deployer for laptop, LocalStack and AWS."""
