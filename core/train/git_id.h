#define SW_GIT_ID "5c5d61c66895-dirty"
