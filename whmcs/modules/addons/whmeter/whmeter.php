<?php
// The page of staff for everything that whmeter meters: the functions WHMCS calls of an addon module.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

require_once __DIR__ . '/autoload.php';

use WHMCS\Module\Addon\Whmeter\Page;
use WHMCS\Module\Addon\Whmeter\Request;

/** Who may open it WHMCS asks itself: Access Control of this page, by roles of administrators. */
function whmeter_config()
{
    return [
        'name' => 'whmeter usage metering',
        'description' => 'What whmeter measures, what of it no service pays for, whose accounts are, and what was done.',
        'version' => '1.0',
        'author' => 'whmeter',
        'language' => 'english',
        'fields' => [],
    ];
}

/** It keeps nothing of its own in WHMCS. */
function whmeter_activate()
{
    $module = dirname(__DIR__, 2) . '/servers/whmeter/autoload.php';
    return is_file($module)
        ? ['status' => 'success', 'description' => 'Say below which roles may open it: Configure, Access Control.']
        : ['status' => 'error', 'description' => 'It needs the server module: copy modules/servers/whmeter too.'];
}

function whmeter_deactivate()
{
    return ['status' => 'success', 'description' => 'Nothing was kept; the server module goes on.'];
}

/** WHMCS shows what is written. */
function whmeter_output($vars)
{
    if (PHP_VERSION_ID < 80100) {
        echo '<p>The page needs PHP 8.1 or newer.</p>';
        return;
    }
    $link = is_array($vars) ? (string) ($vars['modulelink'] ?? '') : '';
    echo Page::answer(new Request($link ?: 'addonmodules.php?module=whmeter', $_GET, $_POST));
}
