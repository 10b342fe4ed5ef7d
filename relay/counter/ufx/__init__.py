"""The adapter to Hundsun's UFX (恒生 UFX, O32/O45), over the firm's own T2SDK library."""
