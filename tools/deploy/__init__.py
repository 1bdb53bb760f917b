"""The program behind `./deploy.sh`: brings an environment to what its config says, on AWS and on this computer.

It observes what stands (`observe`), decides what is to be done (`plan`, pure), and does it step by step (`run`), each
step looking before it acts: a deploy that was interrupted anywhere is finished by starting it again.
"""
