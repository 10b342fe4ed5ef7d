"""The UFX front of the simulated counter: Hundsun's T2 wire and UFX functions over the same trading desk as CTP's front.

What is known of wire and functions was watched on loopback or read in public documents; docs/manual/ufx.md says what was
run against what. No licence and no encryption: a production server surely asks for both.
"""
