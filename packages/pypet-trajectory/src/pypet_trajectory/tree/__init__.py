"""The tree: nodes, natural naming, and everything that changes or walks a tree.

Reading order: `nodes` (what a node is), `index` (what a tree remembers), `lookup` and `adding`
(how names become nodes), `groups` (the face of it all). The trajectory is the root and appears
here only as the protocol in `root`.
"""
