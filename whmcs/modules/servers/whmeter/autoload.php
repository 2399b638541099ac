<?php
// Finds the module's classes for the first that needs them: WHMCS, its cron, or the hook file.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

// Read by every PHP that WHMCS runs in, so in words that the oldest of them has.
spl_autoload_register(static function (string $class): void {
    $own = 'WHMCS\\Module\\Server\\Whmeter\\';
    $name = substr($class, strlen($own));
    if (strncmp($class, $own, strlen($own)) === 0 && preg_match('/^[A-Za-z]+$/D', $name) && is_file(__DIR__ . "/lib/$name.php")) {
        require_once __DIR__ . "/lib/$name.php";
    }
});
