"""What a monitor may ask: /metrics, /healthz and /readyz."""
