<?php
// The admin area of WHMCS as far as the page of staff needs it: who is logged in, and the page as it is opened.

declare(strict_types=1);

use WHMCS\Database\Capsule;

define('ADMINAREA', true);
$_SESSION['adminid'] = 3;
Capsule::$tables['tbladmins'] = [['id' => 3, 'username' => 'opér']];

require $GLOBALS['installation'] . '/modules/addons/whmeter/whmeter.php';

/** The page as staff open it. */
function page(array $query = [], array $form = []): string
{
    [$_GET, $_POST, $GLOBALS['sent_token']] = [['module' => 'whmeter'] + $query, $form, $form['token'] ?? ''];
    ob_start();
    try {
        whmeter_output(['modulelink' => 'addonmodules.php?module=whmeter', 'version' => '1.0']);
    } finally {
        $html = (string) ob_get_clean();
    }
    return $html;
}

/** The page after a button on it was pressed. */
function pressed(array $form, array $query = []): string
{
    return page($query, $form);
}
