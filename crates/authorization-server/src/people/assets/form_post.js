// Sends the answer on at once; without script the button does (OAuth 2.0 Form Post Response Mode).
document.getElementById("form-post").submit();
