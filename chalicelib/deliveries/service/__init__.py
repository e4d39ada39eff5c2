"""The rules of the deliveries context; they know neither AWS nor HTTP."""
