"""Modal on loopback: the real `modal deploy`, the real client and the real container entrypoint, without an account.

A small control plane speaks the private protocol of the one Modal version that is pinned, and starts containers as
processes of this machine. It builds no images (a container runs in this interpreter), has no GPUs and takes no
snapshots; what it does is listed in docs/modal.md.

    with Rehearsal() as rehearsal:
        subprocess.run(["modal", "deploy", "deploy/modal_app.py"], env=os.environ | rehearsal.environment)
"""
