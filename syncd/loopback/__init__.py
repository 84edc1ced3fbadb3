"""The embedded cluster: a Kubernetes API on 127.0.0.1 whose Pods are local processes."""
