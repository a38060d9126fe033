"""One transaction of the payments bot, and what all of them use."""
