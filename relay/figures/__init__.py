"""What this process has counted: plain numbers, touched on the loop, read by the threads that show them."""
