"""What a kubelet does for its Pods, one file for each of its duties."""
