# vim: set fileencoding=koi8-r :
word = "привет"
слово = "слово"
