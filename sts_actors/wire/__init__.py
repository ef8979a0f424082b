"""The wire contract: payloads ⇄ attrs values. No input or output; docs/protocol.md is its prose."""
