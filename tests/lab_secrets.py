"""What students must not see of a lab."""

from compendium.labs.code import stub


def secret_lines(lab):
    """By task, the lines of its solution that no stub of the lab has."""
    stubs = "".join(stub(text, lab.language) for task in lab.tasks for text in task.solutions)
    lines = {
        task.number: [line.strip() for text in task.having("solution") for line in text.splitlines()]
        for task in lab.tasks
    }
    return {
        number: [line for line in every if len(line) > 20 and line not in stubs]
        for number, every in lines.items()
    }
