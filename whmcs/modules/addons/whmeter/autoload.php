<?php
// Finds the page's classes, and those of the server module that it is made with.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

spl_autoload_register(static function (string $class): void {
    $own = 'WHMCS\\Module\\Addon\\Whmeter\\';
    $name = substr($class, strlen($own));
    if (strncmp($class, $own, strlen($own)) === 0 && preg_match('/^[A-Za-z]+$/D', $name) && is_file(__DIR__ . "/lib/$name.php")) {
        require_once __DIR__ . "/lib/$name.php";
    }
});

if (is_file(dirname(__DIR__, 2) . '/servers/whmeter/autoload.php')) {
    require_once dirname(__DIR__, 2) . '/servers/whmeter/autoload.php';
}
